/** The plans that the build put beside the modules of this release, as files for the repository. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { PlanCorruptError } from '../../../core/errors.ts'
import type { BuiltPlan } from '../../runtime/plans/plan-record.ts'

const versions = z.record(z.string(), z.string())
const manifestSchema = z.record(
  z.string(),
  z.object({
    version: z.string(),
    file: z.string().regex(/^[a-z-]+\.mjs$/),
    sha256: z.string(),
    code: z.string(),
    text: z.string(),
    format: z.int(),
    dataSets: versions,
  }),
)

/** `dist/plans`; beside sources there is none. */
const builtFolder = fileURLToPath(new URL('../../../plans', import.meta.url))

/**
 * The built plan of a pipeline of this release; undefined where it runs from sources, or is not built as one file.
 * @throws PlanCorruptError where the installation is damaged
 */
export async function releasePlan(pipeline: string, folder: string = builtFolder): Promise<BuiltPlan | undefined> {
  const place = join(folder, 'manifest.json')
  const text = await readFile(place, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const found = manifestOf(place, text)[pipeline]
  if (found === undefined) return undefined
  const { file, dataSets: inside, ...facts } = found
  const path = join(folder, file)
  const bundle = await readFile(path).catch((cause: unknown) => {
    throw new PlanCorruptError(path, 'cannot be read', { cause })
  })
  if (createHash('sha256').update(bundle).digest('hex') !== found.sha256) {
    throw new PlanCorruptError(path, 'is not the file that was built')
  }
  return { ...facts, pipeline, inside, bundle }
}

function manifestOf(place: string, text: string): z.output<typeof manifestSchema> {
  try {
    return manifestSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new PlanCorruptError(place, 'is not the list of built plans', { cause })
  }
}
