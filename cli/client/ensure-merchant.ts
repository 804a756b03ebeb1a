/** The merchant a command works for, made where it is missing. */
import { CommandError } from '../../core/errors.ts'
import { type Api, problemText } from './api.ts'

export interface NamedMerchant {
  readonly id: string
  readonly timeZone: string
  readonly currency: string
}

/** `wanted` says what a new one is like; one that is there stays as it is. @throws CommandError */
export async function ensureMerchant(
  api: Api,
  wanted: NamedMerchant & { readonly name: string },
): Promise<NamedMerchant> {
  const found = await api.get(`/v1/admin/merchants/${encodeURIComponent(wanted.id)}`)
  if (found.status === 200) return found.body as NamedMerchant
  const { id, name, timeZone, currency } = wanted
  const made = await api.post('/v1/admin/merchants', { id, name, timeZone, currency }, 'once')
  if (made.status !== 201) throw new CommandError(problemText(made))
  return made.body as NamedMerchant
}
