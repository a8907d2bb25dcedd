import { UserError } from "#common";

/**
 * What reading a field's file ends with: an error about the file names the field, too.
 * @param place where the field was said
 */
export function atField<Value>(place: string, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { code, message, hint, exitCode, where } = error;
    throw new UserError({
      code,
      where: place,
      message: where === undefined ? message : `${where}: ${message}`,
      ...(hint === undefined ? {} : { hint }),
      exitCode,
      cause: error,
    });
  }
}
