/** What a proof of erasure says: where it looked, what it found, and what it could not read. */

/** Kinds of places, in the order of a report. */
export const placeKinds = [
  'data file',
  'staged file',
  'table metadata',
  'manifest list',
  'manifest',
  'other file of the lake',
  'log segment',
  'checkpoint',
  'dedupe state',
  'journal entry',
  'control store',
  'other file',
] as const
export type PlaceKind = (typeof placeKinds)[number]

export interface PlaceLine {
  readonly kind: PlaceKind
  readonly objects: number
  readonly bytes: number
}

export interface Find {
  readonly kind: PlaceKind
  readonly object: string
  /** Column, bound, place in the file. */
  readonly where: string
  readonly mend: string
}

/** What could not be looked into. */
export interface Unread {
  readonly object: string
  readonly why: string
}

export interface Proof {
  readonly places: readonly PlaceLine[]
  readonly finds: readonly Find[]
  /** Places that must name it: the erasure itself. */
  readonly allowed: readonly Omit<Find, 'mend'>[]
  readonly unread: readonly Unread[]
  /** What the method cannot see, in sentences. */
  readonly notes: readonly string[]
}

export type Verdict = 'proven' | 'found' | 'not all read'

/** A find outweighs what could not be read: something is to be done either way. */
export function verdictOf({ finds, unread }: Pick<Proof, 'finds' | 'unread'>): Verdict {
  if (finds.length > 0) return 'found'
  return unread.length > 0 ? 'not all read' : 'proven'
}
