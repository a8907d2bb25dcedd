/** What is to be said with every estimate. The first sentence is that of Dynamo's documents. */
export const ACCURACY_CAVEAT =
  "Estimates may have errors for unusual configurations. Against the measured kernels they come from they are right to 1 to 4 %; " +
  "against real engines expect tens of percent (TTFT rather too low), so measure before you promise.";
