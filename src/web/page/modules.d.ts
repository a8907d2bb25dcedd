/** Style sheets are taken in by the bundler. */
declare module "*.css";
/** The colours of src/report, as custom properties; made by scripts/build-page.ts. */
declare module "virtual:theme.css";
