/**
 * How much load is meant, and how one factor scales it to a machine. Factor 1 is 1.2 billion hits a day, and three times
 * that at its peak; what that takes is docs/how-to/size-a-cluster.md.
 */

/** Hits a second at factor 1: a mean day of 1.2 billion. */
export const baseHitsPerSecond = 13_800
/** Hits a second at factor 1, at the highest hour of a day. */
export const peakHitsPerSecond = 3 * baseHitsPerSecond
/** Time series a second at factor 1: 10,000 open dashboards of six charts, looked at anew each minute. */
export const readsPerSecond = 1_000

/** Limits of a run: what a slip of the keyboard may cost. */
export const maxFactor = 4
export const maxSeconds = 3_600
export const maxHitsPerRequest = 1_000
export const maxMerchants = 1_000
/** Virtual users of k6 at once, of all senders together. */
export const maxVirtualUsers = 500
/** Frames under way on a WebSocket: the server reads no further (`gateway/core/socket-session.ts`). */
export const maxUnansweredFrames = 64

/** What a run is asked for. */
export interface Load {
  readonly factor: number
  readonly seconds: number
  readonly hitsPerRequest: number
  readonly merchants: number
  /** Times by which time limits are longer than on a machine of its own; 1 is as stated. */
  readonly slack: number
}

export const defaultLoad: Load = { factor: 0.1, seconds: 60, hitsPerRequest: 20, merchants: 20, slack: 1 }

/** What is wrong with it, each in words; nothing where it may run. */
export function problemsOf(load: Load): readonly string[] {
  const problems: string[] = []
  const { factor, seconds, hitsPerRequest, merchants, slack } = load
  if (!(factor > 0 && factor <= maxFactor)) problems.push(`the factor must be above 0 and at most ${maxFactor}`)
  if (!isWhole(seconds, maxSeconds)) problems.push(`seconds must be a whole number from 1 to ${maxSeconds}`)
  if (!isWhole(hitsPerRequest, maxHitsPerRequest)) {
    problems.push(`hits a request must be a whole number from 1 to ${maxHitsPerRequest}`)
  }
  if (!isWhole(merchants, maxMerchants)) problems.push(`merchants must be a whole number from 1 to ${maxMerchants}`)
  if (!(slack >= 1 && slack <= 100)) problems.push('slack must be from 1 to 100')
  return problems
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most
}

/** k6 begins iterations at whole numbers a time unit: one of a minute keeps small factors exact to half a request. */
export function requestsPerMinute(perSecond: number, load: Pick<Load, 'factor' | 'hitsPerRequest'>): number {
  return Math.max(1, Math.round((perSecond * 60 * load.factor) / load.hitsPerRequest))
}

/** A host that is this machine and no other. */
export function isLoopback(url: string): boolean {
  const host = /^(?:https?|wss?):\/\/(\[[^\]]*\]|[^/:?#@\\]*)(?::\d+)?(?:[/?#]|$)/.exec(url)?.[1]
  return host !== undefined && (host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host))
}
