/** Plans of a pipeline by their version: the release's own from its modules, all others from the repository, once each. */
import { type Pipeline, versionOf } from '../../plan/draft.ts'
import type { PlanVersions } from '../writing.ts'
import type { PlanRepository } from './repository.ts'

export function createPlanVersions(options: {
  /** Of the release that runs here. */
  readonly release: Pipeline
  readonly repository: Pick<PlanRepository, 'load'>
}): PlanVersions {
  const { release, repository } = options
  const own = versionOf(release)
  const loaded = new Map<string, Promise<Pipeline>>()
  return {
    async load(version) {
      if (version === own) return release
      const found = loaded.get(version)
      if (found !== undefined) return found
      const loading = repository.load(release.plan.name, version).then(({ pipeline }) => pipeline)
      loaded.set(version, loading)
      // What failed is asked for again: the object may have been restored.
      loading.catch(() => loaded.delete(version))
      return loading
    },
  }
}
