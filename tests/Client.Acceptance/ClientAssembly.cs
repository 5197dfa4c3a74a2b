// Specs wait most of the time: for servers to start, for tokens to end. More classes run at once than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 5)]
