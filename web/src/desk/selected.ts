// What is marked with the pointer in a turn's words comes into [data-selected], as it stands.

export function selected(): void {
  const fields = [...document.querySelectorAll<HTMLTextAreaElement>("[data-selected]")];
  if (fields.length === 0) return;
  document.addEventListener("selectionchange", () => {
    const marked = document.getSelection();
    const within = (node: Node | null | undefined): boolean =>
      Boolean(node?.parentElement?.closest(".turn__text"));
    if (!marked || !within(marked.anchorNode) || !within(marked.focusNode)) return;
    const words = marked.toString().trim();
    if (words) for (const field of fields) field.value = words;
  });
}
