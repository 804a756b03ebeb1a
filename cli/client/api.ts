/**
 * Requests of commands to a server. What the server says to try again later is tried again, and so is a request that got
 * no answer where repeating it does no harm; everything else is answered as it came.
 */
import { CommandError } from '../../core/errors.ts'

/** Tries of one request in a row, before the server counts as gone: about a minute. */
export const maxTries = 60
const retryDelayMs = 1_000
/** Longest that `Retry-After` is obeyed. */
const maxRetryAfterMs = 10_000

export interface ApiReply {
  readonly status: number
  /** Parsed where it is JSON, else the text. */
  readonly body: unknown
  readonly headers: Headers
}

export interface Api {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<ApiReply>
  /** `repeatable`: it may be sent again though its first outcome is not known. */
  post(path: string, body: unknown, outcome: 'repeatable' | 'once'): Promise<ApiReply>
}

/** @throws CommandError from a request that found no server in all its tries, or whose key is refused */
export function createApi(options: {
  readonly url: string
  readonly adminKey: string
  readonly sleep?: (ms: number) => Promise<void>
}): Api {
  const { url, adminKey, sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)) } = options

  async function send(path: string, init: RequestInit, outcome: 'repeatable' | 'once'): Promise<ApiReply> {
    for (let tries = 1; ; tries++) {
      let reply: Response
      let text: string
      try {
        reply = await fetch(url + path, init)
        text = await reply.text()
      } catch (cause) {
        if (outcome === 'once' || tries >= maxTries) {
          throw new CommandError(`${url} does not answer; is the server running?`, { cause })
        }
        await sleep(retryDelayMs)
        continue
      }
      if ((reply.status === 429 || reply.status === 503) && tries < maxTries) {
        const seconds = Number(reply.headers.get('retry-after'))
        await sleep(Math.min(maxRetryAfterMs, Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : retryDelayMs))
        continue
      }
      if (reply.status === 401) {
        throw new CommandError(`${url} does not know this admin key; check HITLAKE_ADMIN_KEY and HITLAKE_DATA_DIR`)
      }
      return { status: reply.status, body: parsed(text, reply.headers), headers: reply.headers }
    }
  }

  const authorization = `Bearer ${adminKey}`
  return {
    get: (path, headers = {}) => send(path, { headers: { authorization, ...headers } }, 'repeatable'),
    post: (path, body, outcome) =>
      send(
        path,
        {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        },
        outcome,
      ),
  }
}

function parsed(text: string, headers: Headers): unknown {
  return /json/.test(headers.get('content-type') ?? '') && text !== '' ? JSON.parse(text) : text
}

/** What a problem document says, for a person. */
export function problemText({ status, body }: Pick<ApiReply, 'status' | 'body'>): string {
  const { code, detail } = (body ?? {}) as { readonly code?: string; readonly detail?: string }
  return code === undefined ? `the server answered ${status}` : `${code}: ${detail ?? ''}`
}
