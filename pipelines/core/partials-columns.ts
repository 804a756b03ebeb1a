/** Columns of an epoch's rows, as partials keep them: numbers for texts, so that grouping compares no text. */

export type Row = Readonly<Record<string, unknown>>

/**
 * Reads one column, by code of its own: one closure for all columns would look each name up again in every row, which
 * costs more than folding it.
 */
export function columnReader(column: string): (row: Row) => unknown {
  return new Function('row', `return row[${JSON.stringify(column)}]`) as (row: Row) => unknown
}

/** The texts of a column in an epoch, each with a number; no value is the empty text. */
export class TextColumn {
  readonly codes: number[] = []
  readonly texts: string[] = []
  readonly #known = new Map<string, number>()
  readonly #read: (row: Row) => unknown
  #last: unknown = undefined
  #lastCode = -1

  constructor(column: string) {
    this.#read = columnReader(column)
  }

  add(row: Row): void {
    const value = this.#read(row) ?? ''
    if (value !== this.#last || this.#lastCode < 0) {
      this.#last = value
      this.#lastCode = this.#codeOf(String(value))
    }
    this.codes.push(this.#lastCode)
  }

  clear(): void {
    this.codes.length = 0
    this.texts.length = 0
    this.#known.clear()
    this.#lastCode = -1
    this.#last = undefined
  }

  #codeOf(text: string): number {
    let code = this.#known.get(text)
    if (code === undefined) {
      code = this.texts.length
      this.texts.push(text)
      this.#known.set(text, code)
    }
    return code
  }
}

/** The refusal of a value that an aggregate cannot take. */
export function wrong(kind: string, needs: string, column: string, found: unknown): TypeError {
  const what = found === null ? 'null' : typeof found
  return new TypeError(`${kind} needs ${needs} in '${column}', not ${what}`)
}
