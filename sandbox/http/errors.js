/*
 * An answer other than success: thrown by whatever handles a request, sent as {"error": ...}.
 */

export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
