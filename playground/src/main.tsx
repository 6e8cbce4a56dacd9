import { render } from "preact";
import { App } from "./App.tsx";
import { keepFilesOut } from "./keepFilesOut.ts";
import { keepOffline } from "./keepOffline.ts";
import "./theme.css";

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
keepFilesOut();
keepOffline();
