/** What can be fuzzed: a kind of input, how to change one, and what has to hold whatever it is. */
import type { Draw } from '../sim/random.ts'

/** What came of an input: taken as one of its kind, or refused as the target promises. */
export type Verdict = 'accepted' | 'refused'

export interface FuzzTarget {
  /** Of the folder in `corpus/`, too. */
  readonly name: string
  /** Of the files in the corpus. */
  readonly form: 'text' | 'bytes'
  /** Of a run's time, beside the others' (1 where left out): an input of some takes a hundred times as long as of others. */
  readonly share?: number
  /** Right inputs, made by the system's own writers: what the corpus begins with. Keys are names of files. */
  examples(): Promise<Readonly<Record<string, Buffer>>>
  /** Another input of one or several of the corpus; the same for equal draws and an equal corpus. */
  mutate(draw: Draw, corpus: readonly Buffer[]): Buffer
  open(): Promise<OpenTarget>
}

export interface OpenTarget {
  /** @throws whatever must not be thrown: every error is a finding, and the target goes on with the next input */
  judge(input: Buffer): Promise<Verdict>
  close(): Promise<void>
}

/** A promise of the target does not hold. */
export class BrokenPromise extends Error {
  override get name(): string {
    return 'BrokenPromise'
  }
}

export function promised(holds: boolean, what: () => string): void {
  if (!holds) throw new BrokenPromise(what())
}

/**
 * What a decoder made, or undefined where it refused with one of the errors it promises.
 * @throws whatever else it threw
 */
export function unlessRefused<T>(
  decode: () => T,
  refusals: readonly (abstract new (...args: never[]) => Error)[],
): { readonly value: T } | undefined {
  try {
    return { value: decode() }
  } catch (error) {
    if (refusals.some((refusal) => error instanceof refusal)) return undefined
    throw error
  }
}

/** A target that keeps nothing between its inputs. */
export function stateless(judge: (input: Buffer) => Verdict | Promise<Verdict>): () => Promise<OpenTarget> {
  return async () => ({
    judge: async (input) => judge(input),
    close: async () => {},
  })
}
