import { UserError } from "#common";

export function prophetMissing(): UserError {
  return new UserError({
    code: "PREDICTORS_PROPHET_MISSING",
    where: "predictor",
    message: "found prophet, whose library has not been loaded here",
    hint: "call loadProphet() of #planner/sources and hand its result in, or use ensemble, which needs no library",
  });
}
