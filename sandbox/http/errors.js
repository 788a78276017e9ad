/*
 * An answer other than success: thrown by whatever handles a request, sent as {"error": ...}.
 */

export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** There is no document of this id, which some services tell by a success. */
export class NoDocument extends HttpError {
  constructor(message) {
    super(404, message);
  }
}
