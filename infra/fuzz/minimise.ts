/** Makes an input that shows a bug as small as it goes: pieces are left out, halves first, while the bug stays. */
import { at, childrenOf, type JsonTree, type Path, pathsOf, replaced, textOf, treeOf } from './json-tree.ts'

export interface MinimiseLimits {
  /** Inputs that may be tried. */
  readonly tries: number
  readonly maxMs: number
}

export const defaultMinimiseLimits: MinimiseLimits = { tries: 3_000, maxMs: 15_000 }

/** The smallest input found for which `shows` holds, which it does for `input`. */
export async function minimise(
  input: Buffer,
  shows: (candidate: Buffer) => Promise<boolean>,
  limits: MinimiseLimits,
  now: () => number,
): Promise<Buffer> {
  const until = now() + limits.maxMs
  let left = limits.tries
  let best = input
  const tried = async (candidate: Buffer): Promise<boolean> => {
    if (candidate.length >= best.length && !simpler(candidate, best)) return false
    if (left-- <= 0 || now() > until || !(await shows(candidate))) return false
    best = candidate
    return true
  }
  await byTree(() => best, tried)
  for (let piece = Math.ceil(best.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let start = 0; start < best.length && left > 0 && now() < until; ) {
      const candidate = Buffer.concat([best.subarray(0, start), best.subarray(start + piece)])
      if (!(await tried(candidate))) start += piece
    }
  }
  return best
}

function simpler(candidate: Buffer, best: Buffer): boolean {
  return candidate.length === best.length && candidate.compare(best) < 0
}

/** JSON loses members and items, or is put in the place of what holds it. */
async function byTree(best: () => Buffer, tried: (candidate: Buffer) => Promise<boolean>): Promise<void> {
  for (let before = Number.POSITIVE_INFINITY; best().length < before; ) {
    before = best().length
    // Where one was taken away the next has its place.
    for (let place = 0; ; ) {
      const tree = treeOf(best().toString('utf8'))
      const path = tree === undefined ? undefined : pathsOf(tree)[place]
      if (tree === undefined || path === undefined) break
      let isSmaller = false
      for (const candidate of smallerAt(tree, path)) {
        isSmaller = await tried(Buffer.from(textOf(candidate)))
        if (isSmaller) break
      }
      if (!isSmaller) place += 1
    }
  }
}

function smallerAt(tree: JsonTree, path: Path): readonly JsonTree[] {
  const without = path.length === 0 ? undefined : replaced(tree, path, () => undefined)
  const inner = childrenOf(at(tree, path)).map((child) => replaced(tree, path, () => child))
  return [without, ...inner].filter((candidate) => candidate !== undefined)
}
