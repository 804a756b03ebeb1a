/** Branded ids. A value of one brand does not compile where another is asked. */
export type MerchantId = string & { readonly __brand: 'MerchantId' }

/** What a merchant id may be (api.md, Collecting). It is safe in a path, a file name and an SQL literal. */
export const merchantIdPattern = /^[a-z0-9][a-z0-9_-]{0,62}$/

/** Place in one partition of a feed: the number of the record, dense from 0. */
export type Offset = number & { readonly __brand: 'Offset' }

/** A hit's own place: partition, record, and its index in that record's batch. */
export interface Position {
  readonly partition: number
  readonly offset: Offset
  readonly index: number
}
