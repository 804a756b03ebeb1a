/** Sends hits of many visitors through one proxy: each request for one network of addresses. */
import { expect } from 'vitest'
import type { SeedHit } from '../../seed/traffic.ts'
import { call } from './server.ts'

const atOnce = 4
const perRequest = 500

/** Resolves when all are answered 202. The server must trust this machine as a proxy, and the key's quota must allow it. */
export async function sendByNetwork(
  hits: readonly SeedHit[],
  to: { readonly url: () => string; readonly writeKey: string },
): Promise<void> {
  const byPrefix = new Map<string, SeedHit[]>()
  for (const hit of hits) {
    const prefix = hit.address.replace(/\.\d+$/, '')
    const same = byPrefix.get(prefix)
    if (same === undefined) byPrefix.set(prefix, [hit])
    else same.push(hit)
  }
  const requests: { address: string; body: unknown }[] = []
  for (const [prefix, list] of byPrefix) {
    for (let i = 0; i < list.length; i += perRequest) {
      requests.push({ address: `${prefix}.1`, body: list.slice(i, i + perRequest).map(({ hit }) => hit) })
    }
  }
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let request = requests[next++]; request; request = requests[next++]) {
        const reply = await call<{ rejected: readonly unknown[] }>(`${to.url()}/v1/hits`, {
          key: to.writeKey,
          body: request.body,
          headers: { 'x-forwarded-for': request.address },
        })
        expect(reply.status, JSON.stringify(reply.body)).toBe(202)
        expect(reply.body.rejected).toEqual([])
      }
    }),
  )
}
