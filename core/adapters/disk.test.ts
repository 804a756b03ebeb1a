import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diskContract } from '../ports/disk.contract.ts'
import { MemoryDisk } from './memory/memory-disk.ts'
import { nodeDisk } from './node/node-disk.ts'

diskContract('nodeDisk', async () => {
  const root = await mkdtemp(join(tmpdir(), 'hitlake-disk-'))
  return { disk: nodeDisk(root), cleanup: () => rm(root, { recursive: true }) }
})

diskContract('MemoryDisk', async () => {
  const disk = new MemoryDisk()
  return { disk, cleanup: () => disk.cleanup() }
})
