// "Choose all": ticks every box of its form, or none when all are ticked already. Without this
// script the button stays hidden and the boxes are ticked one by one.

export function choose(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-choose]")) {
    const boxes = (): HTMLInputElement[] => [
      ...(button.form?.querySelectorAll<HTMLInputElement>("input[type=checkbox]") ?? []),
    ];
    button.hidden = boxes().length === 0;
    button.addEventListener("click", () => {
      const all = boxes();
      const tick = all.some((box) => !box.checked);
      for (const box of all) box.checked = tick;
    });
  }
}
