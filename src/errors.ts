/**
 * The one error class for what a user can mend: bad input, a missing file, a model that does not fit.
 * Its message is one line that names the file, line or tensor, and the way out; the command line prints
 * it without a stack trace and exits with 2. Anything else that is thrown is a bug of ours.
 */
export class UserError extends Error {
  override name = 'UserError';
}
