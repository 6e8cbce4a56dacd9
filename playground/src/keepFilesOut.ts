/**
 * Keeps the browser from opening a file in the page's place where it is dropped beside the zones for files, or before they are
 * there: the pointer shows that nothing takes it.
 */
export function keepFilesOut(): void {
  for (const type of ["dragover", "drop"] as const) {
    addEventListener(type, (event) => {
      if (event.defaultPrevented || event.dataTransfer?.types.includes("Files") !== true) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    });
  }
}
