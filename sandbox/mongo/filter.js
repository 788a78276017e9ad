/*
 * Filters: MongoDB's query language, compiled into a test of one document.
 * Used by the lists and jobs of the CRM, after Mongoose has cast the filter's values.
 */

import { Query } from 'mingo/query';

import { FilterError } from './errors.js';
import { contexts } from './operators.js';
import { isObject } from './paths.js';
import { compileRegex } from './regex.js';

const LOGICAL = ['$and', '$or', '$nor'];

/** The test that a document in index form passes when it matches. dialect: of $regex, as regex.js knows them; collation: as collation.js does. */
export function compileFilter(filter, dialect = 'pcre', collation = 'none') {
  const query = parse(prepareFilter(filter, dialect), contexts[collation]);
  return (document) => query.test(document);
}

function parse(filter, context) {
  try {
    return new Query(filter, { context });
  } catch (error) {
    throw new FilterError(error.message);
  }
}

const isOperator = (key) => key.startsWith('$');
const hasOperators = (value) => isObject(value) && Object.keys(value).some(isOperator);

/** mingo builds its own RegExp from $regex and is lenient with $not: both are settled before it sees them. */
function prepareFilter(filter, dialect) {
  if (!isObject(filter)) throw new FilterError('a filter must be an object');
  const { $comment, ...conditions } = filter;
  return mapEntries(conditions, (key, value) => {
    if (!LOGICAL.includes(key)) return prepareCondition(value, dialect);
    if (!Array.isArray(value) || value.length === 0) throw new FilterError(`${key} must be a nonempty array`);
    return value.map((part) => prepareFilter(part, dialect));
  });
}

function prepareCondition(condition, dialect) {
  if (!hasOperators(condition)) return condition;
  const { $options, ...operators } = condition;
  if ($options !== undefined && operators.$regex === undefined) throw new FilterError('$options needs a $regex');
  return mapEntries(operators, (operator, operand) => {
    switch (operator) {
      case '$regex':
        return compileRegex(operand, $options, dialect);
      case '$not':
        if (!hasOperators(operand)) throw new FilterError('$not needs a regex or a document of operators');
        return prepareCondition(operand, dialect);
      case '$elemMatch':
        return prepareElement(operand, dialect);
      case '$all':
        return Array.isArray(operand) ? operand.map((member) => prepareCondition(member, dialect)) : operand;
      default:
        return operand;
    }
  });
}

/** The operand of $elemMatch is a filter, unless it begins with an operator on the element itself. */
function prepareElement(operand, dialect) {
  const first = isObject(operand) ? Object.keys(operand)[0] : undefined;
  if (first === undefined) return operand;
  return isOperator(first) && !LOGICAL.includes(first) ? prepareCondition(operand, dialect) : prepareFilter(operand, dialect);
}

const mapEntries = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(key, value)]));
