/*
 * The errors that wrong filters, sorts, projections and patches raise.
 */

/** A wrong one. The API answers it as 400 or 422. */
export class QueryError extends Error {}

/** A filter that cannot be cast or evaluated. */
export class FilterError extends QueryError {}

/** What the service's own program does not expect: 500. */
export class ProgramError extends Error {}
