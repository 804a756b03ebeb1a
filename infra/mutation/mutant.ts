/** What a planted bug is. */

/**
 * One bug of our own kind, as a change of one place in one file. It is planted in a copy of the project, never in the
 * project itself, and the tests named with it must fail then.
 */
export interface Mutant {
  /** Kebab-case, unique: for `--only` and the page. */
  readonly name: string
  /** Path from the root. */
  readonly file: string
  /** Occurs exactly once in the file, so that the bug is where it is meant to be; a test holds it. */
  readonly search: string
  readonly replace: string
  /** What goes wrong with it, one sentence. */
  readonly wrong: string
  /** Test files to run, paths from the root; few and quick. Of them one must fail. */
  readonly tests: readonly [string, ...string[]]
  /** Of a long suite: only tests whose sentence, with those it stands under, has this. Left out: all. */
  readonly named?: string
}

/** Copies of `search` in a file's text. */
export function occurrences(text: string, search: string): number {
  return text.split(search).length - 1
}

/** The file's text with the bug. @throws RangeError where the text to replace is not there exactly once */
export function planted(text: string, { name, file, search, replace }: Mutant): string {
  const found = occurrences(text, search)
  if (found !== 1) throw new RangeError(`${name}: the text to replace occurs ${found} times in ${file}, not once`)
  // A function, for `$` in a replacement means something.
  return text.replace(search, () => replace)
}
