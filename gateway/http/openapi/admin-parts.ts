/** What the documents of admin routes have in common. */
import { z } from 'zod'
import { merchantIdPattern } from '../../../core/ids.ts'

export const json = (schema: z.ZodType, examples?: Readonly<Record<string, unknown>>) => [
  { mediaType: 'application/json', schema, ...(examples && { examples }) },
]
export const access = ['no_key', 'bad_key', 'forbidden', 'control_store_unavailable'] as const
export const bodies = ['bad_json', 'bad_content_type', 'body_too_large', 'bad_query'] as const
export const merchantId = z.string().regex(merchantIdPattern)
