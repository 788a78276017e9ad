/*
 * The error that a wrong filter, sort, projection or patch raises. The API answers it as 400 or 422.
 */

export class QueryError extends Error {}

/** A filter that cannot be cast or evaluated. */
export class FilterError extends QueryError {}
