/** What a printer of one engine has to say itself; all else is said alike (printer.ts). */
import type { Literal, LookedUp, StructPart, Within } from './ast.ts'

/** What one engine says in its own way. Arguments are printed expressions. */
export interface Dialect {
  literal(literal: Literal): string
  /** A column of the outermost select. */
  result(of: string): string
  /** Exact at any size. */
  sum(of: string): string
  listOf(of: string): string
  unionOf(lists: string): string
  joinedLists(lists: string): string
  smallest(list: string, limit: number): string
  contains(of: string, part: string): string
  floorDivide(of: string, by: string): string
  asText(of: string): string
  epochMs(of: string): string
  instantOf(ms: string): string
  hashOf(text: string): string
  prop(of: string, key: string): string
  member(of: string, key: string): string
  lookUp(keys: readonly string[], entries: readonly LookedUp[]): string
  minBy(of: string, by: readonly string[]): string
  maxBy(of: string, by: readonly string[]): string
  struct(fields: readonly (StructPart & { readonly text: string })[]): string
  sumByKey(list: string, key: StructPart, value: StructPart): string
  pairs(list: string, key: string, value: string): string
  texts(of: readonly string[]): string
  listTexts(list: string): string
  countOfSmallest(list: string, limit: number): string
  largestOfSmallest(list: string, limit: number): string
  /** Of a full sketch of size `k`, by the largest of its hashes. */
  fullSketchEstimate(largest: string, k: number): string
  /** What follows the left side in FROM, and what WHERE must say besides. */
  within(within: Within, point: string): { readonly join: string; readonly where: string }
}

/** Entries by the first text of their paths, which the paths have lost. */
export function byFirst(entries: readonly LookedUp[]): ReadonlyMap<string, readonly LookedUp[]> {
  const found = new Map<string, LookedUp[]>()
  for (const { path, value } of entries) {
    const [first = '', ...rest] = path
    const below = found.get(first)
    if (below === undefined) found.set(first, [{ path: rest, value }])
    else below.push({ path: rest, value })
  }
  return found
}
