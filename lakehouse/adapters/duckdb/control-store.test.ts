import { afterEach } from 'vitest'
import { controlStoreContract } from '../../../core/ports/control-store.contract.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { openDuckDbControlStore } from './control-store.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'

const opened: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

async function open(options: { readonly maxVersions?: number } = {}): Promise<ControlStore> {
  const instance = await openDatabase({
    file: ':memory:',
    memoryLimitBytes: minDatabaseMemoryBytes * 2,
    threads: 1,
    scratch: '',
  })
  const { maxVersions } = options
  const store = await openDuckDbControlStore(
    // With few versions, those of days are folded every few rows too.
    maxVersions === undefined ? { instance } : { instance, maxVersionRows: maxVersions, foldDaysAt: 5 },
  )
  opened.push(async () => {
    await store.close()
    instance.closeSync()
  })
  return store
}

controlStoreContract('the DuckDB store', { open })
