/** The package's generator alone: its index loads six others, none of which is used here. */
declare module "seedrandom/seedrandom.js" {
  import seedrandom from "seedrandom";
  export default seedrandom;
}
