export { ulpDistance } from "../src/check/ulp.ts";
