/** `hitlake recover`: brings a control store that was restored from a copy up to date, from the journal. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemTimers } from '../../core/adapters/node/system.ts'
import type { Config } from '../../core/config/parse-config.ts'
import { StartError } from '../../core/errors.ts'
import { openPostgresControlStore } from '../../lakehouse/adapters/postgres/control-store.ts'
import { recover } from '../../lakehouse/core/journal/recover.ts'
import { openObjects } from './process.ts'

/** @throws StartError outside a cluster; JournalGapError where the journal does not reach back to the store */
export async function recoverStore(
  config: Config,
  io: { readonly out: (line: string) => void; readonly mode: 'recover' | 'dry run' },
): Promise<void> {
  if (config.mode !== 'cluster') {
    throw new StartError('recover is for the control store of a cluster; set HITLAKE_MODE=cluster and its servers')
  }
  const scratch = await mkdtemp(join(tmpdir(), 'hitlake-recover-'))
  const objects = await openObjects(config, scratch)
  const store = await openPostgresControlStore({ url: config.postgresUrl, visible: 'published' })
  try {
    await recover(store, objects.store, {
      clock: systemClock,
      timers: systemTimers,
      dryRun: io.mode === 'dry run',
      say: io.out,
    })
  } finally {
    await store.close()
    await objects.close()
    await rm(scratch, { recursive: true, force: true })
  }
}
