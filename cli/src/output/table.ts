/** A column of a table. */
export interface Column {
  /** Its heading. */
  readonly heading: string;
  /** How its cells are aligned: numbers go right. */
  readonly align: "left" | "right";
}

/** Lines of a table with aligned columns two spaces apart, headings first, without trailing spaces. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const headings = columns.map((column) => column.heading);
  const widths = columns.map((_, at) =>
    Math.max(...[headings, ...rows].map((row) => (row[at] ?? "").length)),
  );
  return [headings, ...rows].map((row) =>
    columns
      .map((column, at) => {
        const cell = row[at] ?? "";
        const width = widths[at] ?? 0;
        return column.align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
