/** One request of hits after the other, as `POST /v1/hits`; each knows what became of it. */
import execution from 'k6/execution'
import http from 'k6/http'
import { shopOf, type World } from './life.ts'
import { ackMs, errors, hitsAccepted, hitsOffered, hitsRefused, hitsRepeated, slowAckMs } from './metrics.ts'
import { load, runName, slowUrl, url } from './settings.ts'
import { batchJson } from './traffic.ts'

/** Of so many requests one is sent a second time, as by a client that did not hear the answer. */
export const oneRepeatIn = 50

/** The server ends a body that takes 15 s with 408; nobody waits much longer for an answer. */
const timeout = '30s'

let sent = 0

/** The body of the virtual user's next request. */
export function nextBatch(): string {
  sent += 1
  const first = (sent - 1) * load.hitsPerRequest
  return batchJson(`${runName}-${execution.vu.idInTest}`, first, load.hitsPerRequest, Date.now())
}

/** An iteration of a client with a good line. */
export function send(world: World): void {
  const { writeKey } = shopOf(world)
  const body = nextBatch()
  if (!post(url, writeKey, body, ackMs) || execution.scenario.iterationInTest % oneRepeatIn !== 0) return
  if (post(url, writeKey, body, ackMs)) hitsRepeated.add(load.hitsPerRequest)
}

/** An iteration of a client whose line is slow both ways. */
export function sendSlowly(world: World): void {
  post(slowUrl, shopOf(world).writeKey, nextBatch(), slowAckMs)
}

function post(to: string, key: string, body: string, into: typeof ackMs): boolean {
  hitsOffered.add(load.hitsPerRequest)
  const answer = http.post(`${to}/v1/hits`, body, {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    timeout,
  })
  const isAccepted = answer.status === 202 && acceptedAll(answer.body)
  errors.add(!isAccepted)
  if (isAccepted) {
    hitsAccepted.add(load.hitsPerRequest)
    into.add(answer.timings.blocked + answer.timings.connecting + answer.timings.duration)
  } else if (answer.status >= 400 && answer.status < 500) hitsRefused.add(load.hitsPerRequest)
  return isAccepted
}

/** Compared as text: parsing every answer would cost the sender more than the request. */
export function acceptedAll(answer: string | null): boolean {
  return answer?.includes(`"accepted":${load.hitsPerRequest},"rejected":[]`) === true
}
