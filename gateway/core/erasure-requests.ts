/** What administration asks of erasures: whose hits go, and how far it is. */
import { z } from 'zod'
import { boundedText } from '../../core/bounded.ts'
import { type MerchantId, merchantIdPattern } from '../../core/ids.ts'
import type { Random } from '../../core/ports/clock.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import {
  type Erasure,
  type ErasureState,
  type ErasureSubject,
  erasedValueMax,
  openErasuresPerMerchantMax,
} from '../../core/ports/erasure-store.ts'
import { findMerchant } from './merchants.ts'
import { ProblemError } from './problem.ts'
import { parseTableRequest as parseBody } from './table-requests.ts'

export const erasureByMaxLength = 200

const value = boundedText(erasedValueMax, 1)

export const newErasure = z
  .strictObject({
    merchant: z.string().regex(merchantIdPattern).meta({ description: 'Whose visitor it is' }),
    visitor: value.optional().meta({ description: 'As the hits name it' }),
    user: value.optional().meta({ description: 'As the hits name it' }),
    all: z.literal(true).optional().meta({ description: 'Every hit of the merchant' }),
    by: boundedText(erasureByMaxLength, 1).default('an administrator').meta({ description: 'For people' }),
  })
  .refine(
    ({ visitor, user, all }) => [visitor, user, all].filter((each) => each !== undefined).length === 1,
    'must hold one of visitor, user and all',
  )

/** Records what is erased, so that nobody reads it from here on. Null where the merchant has too many open ones. */
export type EraseSubject = (asked: {
  readonly merchant: MerchantId
  readonly subject: ErasureSubject
  readonly by: string
}) => Promise<Erasure | null>

/** An erasure as administrators see it; one of `visitor`, `user` and `all`. */
export interface ErasureView {
  readonly id: number
  readonly merchant: string
  readonly visitor?: string
  readonly user?: string
  readonly all?: true
  /** Hits received up to and at this instant. */
  readonly through: string
  readonly state: ErasureState
  readonly askedAt: string
  readonly movedAt: string
  readonly by: string
}

export function erasureView({ id, merchant, subject, through, state, askedAt, movedAt, by }: Erasure): ErasureView {
  const instant = (ms: number) => new Date(ms).toISOString()
  const whose = subject.kind === 'merchant' ? { all: true as const } : { [subject.kind]: subject.value }
  const times = { askedAt: instant(askedAt), movedAt: instant(movedAt) }
  return { id, merchant, ...whose, through: instant(through), state, ...times, by }
}

/**
 * Erases what the body names; asked again, it goes up to now. Erasing a whole merchant besides draws it another seed: hashes
 * of its visitors that are left anywhere belong to nobody.
 * @throws ProblemError 400 `bad_query`, 404 `not_found`, 409 `too_many_erasures`
 */
export async function requestErasure(
  parts: {
    readonly store: Pick<ControlStore, 'merchant' | 'updateMerchant'>
    readonly erase: EraseSubject
    readonly random: Random
  },
  body: unknown,
): Promise<Erasure> {
  const asked = parseBody(newErasure, body)
  const merchant = await findMerchant(parts.store, asked.merchant)
  const subject = subjectOf(asked)
  const erasure = await parts.erase({ merchant: merchant.id, subject, by: asked.by })
  if (erasure === null) {
    const detail = `${merchant.id} has ${openErasuresPerMerchantMax} erasures under way; ask again when some are done`
    throw new ProblemError(409, 'too_many_erasures', detail)
  }
  if (subject.kind === 'merchant') {
    await parts.store.updateMerchant(merchant.id, { visitorSeed: Buffer.from(parts.random.bytes(8)).toString('hex') })
  }
  return erasure
}

function subjectOf({ visitor, user }: z.infer<typeof newErasure>): ErasureSubject {
  if (visitor !== undefined) return { kind: 'visitor', value: visitor }
  return user === undefined ? { kind: 'merchant' } : { kind: 'user', value: user }
}
