/** Stand-ins for what the pipeline looks up: quick, and plain enough to be recounted. */
import type { EnrichContext } from '../../pipelines/jobs/enrich.ts'

export function createUserAgentsUnderSimulation(): EnrichContext['userAgents'] {
  return {
    read: (text) => ({ bot: text?.includes('bot') ?? false, device: 'desktop', browser: null, os: null }),
  }
}

export const countryUnderSimulation: EnrichContext['country'] = () => 'DE'
