// The machine is shared with the servers under test: one test at a time keeps its deadlines meaningful.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
