import { feedScanContract } from '../../core/cluster-feed-scan.contract.ts'
import { createMemoryFeedScan } from './memory-feed-scan.ts'

feedScanContract('memoryFeedScan', async () => {
  const scan = createMemoryFeedScan(3)
  return {
    scan,
    async push(partition, records) {
      for (const record of records) scan.push(partition, record)
    },
    cleanup: async () => {},
  }
})
