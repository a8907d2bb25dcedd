import { UserError } from "#common";

/**
 * What reading a field's file ends with: an error about the file names the field, too.
 * @param place where the field was said
 */
export function atField<Value>(place: string, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    throw error instanceof UserError ? placed(error, place) : error;
  }
}

/** The same of what takes time. @param code of the errors that are about the field; null: all are */
export async function atFieldOf<Value>(
  place: string,
  code: string | null,
  action: () => Promise<Value>,
): Promise<Value> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof UserError && (code === null || error.code === code) ? placed(error, place) : error;
  }
}

function placed(error: UserError, place: string): UserError {
  const { code, message, hint, exitCode, where } = error;
  return new UserError({
    code,
    where: place,
    message: where === undefined ? message : `${where}: ${message}`,
    ...(hint === undefined ? {} : { hint }),
    exitCode,
    cause: error,
  });
}
