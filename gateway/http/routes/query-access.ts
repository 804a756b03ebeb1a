/** Who may ask what: shared by the routes that answer questions. */
import type { FastifyReply } from 'fastify'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore, KeyHolder, Merchant } from '../../../core/ports/control-store.ts'
import { authorize } from '../../core/keys.ts'
import { ProblemError } from '../../core/problem.ts'

/**
 * The merchant asked for, if the key may read it; a read key's own where none is named. To a read key every other merchant
 * is 403, whether it exists or not. @throws ProblemError 401, 403; 400 and 404 to admin keys only
 */
export function readableMerchant(
  holder: KeyHolder | undefined,
  asked: string | undefined,
  store: Pick<ControlStore, 'merchant'>,
): Merchant | Promise<Merchant> {
  if (isAdmin(holder)) {
    if (asked === undefined) {
      const errors = [{ pointer: '/merchant', code: 'bad_query', message: 'an admin key names the merchant' }]
      throw new ProblemError(400, 'bad_query', 'an admin key reads every merchant: name one', { errors })
    }
    return store.merchant(asked as MerchantId).then((merchant) => {
      if (merchant === undefined) throw new ProblemError(404, 'not_found', 'there is no such merchant')
      return merchant
    })
  }
  const { merchant } = authorize(holder, 'read')
  if (merchant === null || (asked !== undefined && merchant.id !== asked)) {
    throw new ProblemError(403, 'forbidden', 'this key reads one merchant, and not this one')
  }
  return merchant
}

/** Refuses who may read nothing at all, before a body is read. @throws ProblemError 401, 403 */
export function refuseStrangers(holder: KeyHolder | undefined): void {
  if (!isAdmin(holder)) authorize(holder, 'read')
}

function isAdmin(holder: KeyHolder | undefined): boolean {
  return holder?.key.merchant === null && holder.key.rights.includes('admin')
}

/** Aborted when the connection closes: before the answer is out that ends the wait for it, after it nobody listens. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const abort = new AbortController()
  reply.raw.once('close', () => {
    abort.abort(new ClientLeftError())
  })
  return abort.signal
}

/** Nobody reads this: whoever asked has closed the connection. */
class ClientLeftError extends ProblemError {
  constructor() {
    super(503, 'overloaded', 'the client closed the connection before the answer was ready')
  }
}
