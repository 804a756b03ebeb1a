/** What the document says of one route; `document.ts` writes it as OpenAPI. */
import type { z } from 'zod'

export type Tag = 'collecting' | 'asking' | 'administration' | 'operating'
/** Whose key it takes. `write` also in the address, as `?key=`. */
export type Access = 'nobody' | 'write' | 'read' | 'admin'

export interface Parameter {
  readonly name: string
  readonly in: 'query' | 'path' | 'header'
  readonly schema: z.ZodType
  readonly description: string
  readonly required?: true
  /** A list is the parameter given several times. */
  readonly example?: string | number | readonly string[]
}

/** A body of a request or an answer. `schema`: of JSON; left out for bytes and text. */
export interface Content {
  readonly mediaType: string
  readonly schema?: z.ZodType
  readonly examples?: Readonly<Record<string, unknown>>
}

export interface Answer {
  readonly description: string
  readonly content?: readonly Content[]
  readonly headers?: readonly HeaderName[]
}

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH'
  /** With parameters as `{name}`. */
  readonly path: string
  readonly tag: Tag
  /** Names the operation in generated clients. */
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly access: Access
  readonly parameters?: readonly Parameter[]
  readonly body?: { readonly content: readonly Content[]; readonly optional?: true }
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>
  /** Codes of problems that this route has beside those of every route. */
  readonly problems: readonly string[]
}

/** Headers of answers, described once. */
export const headerDocs = {
  ETag: 'A strong entity tag: bodies under one tag are equal byte by byte. Send it back as `If-None-Match`.',
  'Cache-Control': '`private`: an answer is its asker’s alone.',
  Vary: '`Authorization, Accept, Accept-Encoding`.',
  'Hitlake-As-Of':
    '`meta.asOf` of this answer. On a 304 it is later than the one in the kept body: the numbers are the same.',
  'Hitlake-Meta': 'Of CSV only: `meta` as JSON. `nextCursor` is null there where it is too long for a header.',
  'Hitlake-Durability': '`disk` or `kafka`: where the accepted hits are for certain.',
  'RateLimit-Policy': 'Where the key has a quota: `"hits";q=<hits>;w=<seconds>`.',
  RateLimit: 'Where the key has a quota: `"hits";r=<hits left>;t=<seconds until full>`.',
  Location: 'Where the new thing is.',
  'Retry-After': 'Seconds after which the same request may pass.',
} as const
export type HeaderName = keyof typeof headerDocs
