// Most tests wait most of the time: for a server to start, a lock, an interval. More run at once than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
