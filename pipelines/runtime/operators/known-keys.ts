/**
 * Keys that rows had lately: text and what sinks get, made once and not for every row and pane. A cache and nothing else;
 * keys that it has forgotten are made again.
 */
import { ownCode } from '../../core/own-code.ts'
import { columnReader, type Row } from '../../core/partials-columns.ts'

/** From so many on the older half is forgotten. A key is some 400 bytes. */
export const knownKeysMax = 16_384

/** As many characters, as texts of keys may be long. */
export const knownCharsMax = 2_097_152

export interface KeyForms {
  readonly columns: readonly string[]
  /** @throws TypeError for a value that can be in no key */
  encode(values: readonly unknown[]): string
  keyOf(values: readonly unknown[]): object
  decode(text: string): object
}

interface Known {
  readonly text: string
  readonly key: object
}

/** By the value of one column after the other; what stands below the last is known. */
type Level = Map<unknown, unknown>

export class KnownKeys {
  readonly #readers: readonly ((row: Row) => unknown)[]
  readonly #find: (row: Row, levels: Level) => Known | undefined
  #byValues: Level = new Map()
  #byText = new Map<string, Known>()
  /** Of the present half. */
  #chars = 0
  /** What was known when the present half began. */
  #olderByValues: Level = new Map()
  #olderByText = new Map<string, Known>()

  constructor(private readonly forms: KeyForms) {
    this.#readers = forms.columns.map(columnReader)
    this.#find = finder(this.#readers, forms.columns.join())
  }

  get size(): number {
    return this.#byText.size + this.#olderByText.size
  }

  /** @throws TypeError for a value that can be in no key */
  textOf(row: Row): string {
    const found = this.#find(row, this.#byValues)
    return found === undefined ? this.#learn(row).text : found.text
  }

  /** What sinks get; frozen, for panes share it. */
  of(text: string): object {
    const known = this.#byText.get(text) ?? this.#olderByText.get(text)
    return known === undefined ? Object.freeze(this.forms.decode(text)) : known.key
  }

  #learn(row: Row): Known {
    const values = this.#readers.map((read) => read(row))
    const known = this.#find(row, this.#olderByValues) ?? this.#made(values)
    this.#chars += known.text.length
    if (this.#byText.size >= knownKeysMax / 2 || this.#chars > knownCharsMax / 2) this.#forgetOlder(known)
    let level = this.#byValues
    for (const value of values.slice(0, -1)) {
      const below = (level.get(value) as Level | undefined) ?? new Map()
      level.set(value, below)
      level = below
    }
    level.set(values.at(-1), known)
    this.#byText.set(known.text, known)
    return known
  }

  #forgetOlder({ text }: Known): void {
    this.#olderByValues = this.#byValues
    this.#olderByText = this.#byText
    this.#byValues = new Map()
    this.#byText = new Map()
    this.#chars = text.length
  }

  #made(values: readonly unknown[]): Known {
    return { text: this.forms.encode(values), key: Object.freeze(this.forms.keyOf(values)) }
  }
}

type Reader = (row: Row) => unknown
type Finder = (row: Row, levels: Level) => Known | undefined

const byNone = (): Finder => (_, levels) => levels.get(undefined) as Known | undefined

const byOne =
  (read: Reader): Finder =>
  (row, levels) =>
    levels.get(read(row)) as Known | undefined

const byTwo =
  (first: Reader, second: Reader): Finder =>
  (row, levels) => {
    const below = levels.get(first(row)) as Level | undefined
    return below === undefined ? undefined : (below.get(second(row)) as Known | undefined)
  }

const byMore =
  (readers: readonly Reader[]): Finder =>
  (row, levels) => {
    let found: unknown = levels
    for (let i = 0; i < readers.length && found !== undefined; i++)
      found = (found as Level).get((readers[i] as Reader)(row))
    return found as Known | undefined
  }

function finder(readers: readonly Reader[], name: string): Finder {
  const [first, second] = readers
  if (readers.length === 0) return byNone()
  if (readers.length === 1 && first !== undefined) return ownCode(byOne, name)(first)
  if (readers.length === 2 && first !== undefined && second !== undefined) return ownCode(byTwo, name)(first, second)
  return ownCode(byMore, name)(readers)
}
