/*
 * MongoDB's ObjectId, as filters and sorts see one. To a client it is its hexadecimal digits.
 */

import { randomBytes } from 'node:crypto';

const HEX = /^[0-9a-f]{24}$/;

export class ObjectId {
  constructor(hex) {
    this.hex = hex;
  }
}

/** Whether a value of a document is what the service sends of an ObjectId. */
export const isObjectIdText = (value) => typeof value === 'string' && HEX.test(value);

/** The digits of a new ObjectId: it begins with the time. */
export function newObjectIdText() {
  const seconds = Math.floor(Date.now() / 1000);
  return seconds.toString(16).padStart(8, '0') + randomBytes(8).toString('hex');
}
