export { normals, uniforms } from "../src/tensor/random.ts";
