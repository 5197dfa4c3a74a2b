namespace ChatCqrs.Bench.Measuring;

/// <summary>
/// CPU times of the processes of a run at one moment; the difference of two samples is the cost of the run.
/// </summary>
/// <param name="Others">The rest of the machine: a run beside a busy neighbour measures the neighbour.</param>
internal readonly record struct CpuSample(
    TimeSpan Server, TimeSpan Postgres, TimeSpan EventStore, TimeSpan Generator, TimeSpan Others)
{
    /// <param name="server">The server's process, or 0 if there is none.</param>
    /// <param name="postgres">PostgreSQL's first process, or 0 if there is none.</param>
    /// <param name="eventStore">EventStoreDB's process, or 0 if there is none.</param>
    public static CpuSample Take(int server, int postgres, int eventStore)
    {
        var (own, machine) = (ProcFs.CpuOf(Environment.ProcessId), ProcFs.CpuOfMachine());
        var sample = new CpuSample(
            server > 0 ? ProcFs.CpuOf(server) : default, postgres > 0 ? ProcFs.CpuOfFamily(postgres) : default,
            eventStore > 0 ? ProcFs.CpuOf(eventStore) : default, own, default);
        return sample with { Others = machine - sample.Server - sample.Postgres - sample.EventStore - own };
    }

    public static CpuSample operator -(CpuSample a, CpuSample b) =>
        new(a.Server - b.Server, a.Postgres - b.Postgres, a.EventStore - b.EventStore,
            a.Generator - b.Generator, a.Others - b.Others);
}
