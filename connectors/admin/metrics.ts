import { type HistogramSnapshot, quantile } from '../../storage/histogram.ts';
import type { StoreStats } from '../../storage/store.ts';
import type { WireMetric } from './proto.ts';

/**
 * The store's counters as named numbers. What is not said to be of now counts from the server's
 * start. Quantiles are upper bounds, within a factor of two.
 */
export function metricsOf(stats: StoreStats): WireMetric[] {
  const metric = (name: string, value: number, unit: string): WireMetric => ({ name, value, unit });
  return [
    metric('appends', stats.appends, 'entries'),
    metric('appended_messages', stats.appendedMessages, 'messages'),
    metric('appended_bytes', stats.appendedBytes, 'bytes'),
    metric('refused_appends', stats.refusedAppends, 'entries'),
    metric('commits', stats.groupCommits, 'commits'),
    metric('failed_commits', stats.failedCommits, 'commits'),
    metric('lost_acks', stats.lostAcks, 'entries'),
    ...quantiles('commit_size', stats.commitEntries, 'entries'),
    ...quantiles('fsync', stats.syncMs, 'ms'),
    metric('pending_bytes', stats.pendingBytes, 'bytes'),
    metric('index_lag', stats.indexLagEntries, 'entries'),
    metric('active_queues', stats.activeQueues, 'queues'),
    metric('segments', stats.segments, 'segments'),
    metric('damaged_segments', stats.damagedSegments, 'segments'),
    metric('undecodable_entries', stats.undecodableEntries, 'entries'),
    metric('log_bytes', stats.logBytes, 'bytes'),
    metric('log_end', stats.durableEnd, 'bytes'),
    metric('disk_full', stats.isFull ? 1 : 0, ''),
  ];
}

function quantiles(name: string, histogram: HistogramSnapshot, unit: string): WireMetric[] {
  const { count, sum, max } = histogram;
  return [
    { name: `${name}_mean`, value: count === 0 ? 0 : sum / count, unit },
    ...[50, 99].map((percent) => ({
      name: `${name}_p${percent}`,
      value: quantile(histogram, percent / 100),
      unit,
    })),
    { name: `${name}_max`, value: max, unit },
  ];
}
