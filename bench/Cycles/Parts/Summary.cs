using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Systems;

namespace ChatCqrs.Bench.Parts;

/// <summary>
/// Figures of a run beside their targets. Targets are for two cores that also run the generator and PostgreSQL.
/// </summary>
internal static class Summary
{
    private const double CyclesMin = 6_000, CyclesOnEventStoreMin = 2_500, CpuMax = 250, LagMaxMs = 500;
    private const double AckMaxMs = 15, ReceiptMaxMs = 25, IdleMaxKiB = 16, MediaMemoryMaxMiB = 64;
    private const int IdleTargetSockets = 10_000;

    public static Report Of(BenchOptions options, ProductFigures product, FloorFigures floors)
    {
        var report = new Report();
        if ((product.Saturation ?? floors.Load) is not null)
        {
            Saturation(report, product.Saturation, floors.Load, options.EventStore is not null);
        }

        if (product.Latency is { } latency)
        {
            Latency(report, latency, options.Rate);
        }

        Idle(report, product.Idle, floors.Idle);
        if (product.Sweep is { } sweep)
        {
            Sweep(report, sweep, options.Rate);
        }

        if (product.FanOut is { } fanOut)
        {
            FanOut(report, fanOut, options.Rate);
        }

        if (product.Media is { } media)
        {
            Media(report, media);
        }

        if (product.Sdk is { } sdk)
        {
            Sdk(report, sdk);
        }

        if (floors.Inserts is { } inserts)
        {
            report.Plain(
                "plain batched inserts, two events a message", null, "messages/s", inserts.EventsPerSecond / 2);
            report.Plain("  CPU, PostgreSQL and its client", null, "us/message", 2 * inserts.MicrosecondsAnEvent);
        }

        return report;
    }

    private static void Saturation(Report report, LoadFigures? product, LoadFigures? floor, bool onEventStore)
    {
        var cyclesMin = onEventStore ? CyclesOnEventStoreMin : CyclesMin;
        report.AtLeast(
            "complete cycles at saturation", product?.CyclesPerSecond, cyclesMin, "/s", floor?.CyclesPerSecond);
        if (onEventStore)
        {
            report.Plain("  CPU, server, EventStoreDB and PostgreSQL", product?.Cpu, "us/message", floor?.Cpu);
            report.Plain("    of it EventStoreDB", product?.EventStoreCpu, "us/message");
        }
        else
        {
            report.AtMost("  CPU, server and PostgreSQL", product?.Cpu, CpuMax, "us/message", floor?.Cpu);
        }

        report.Plain("    of it the server", product?.ServerCpu, "us/message", floor?.ServerCpu);
        report.Plain("    of it PostgreSQL", product?.PostgresCpu, "us/message");
        report.Plain("  CPU of the load generator", product?.GeneratorCpu, "us/message", floor?.GeneratorCpu);
        report.Plain("  machine used by others meanwhile", 100 * product?.OthersShare, "%", 100 * floor?.OthersShare);
        report.Plain("  allocated by the server", product?.Allocated, "B/message", floor?.Allocated);
        report.AtMost("  projection lag p99", 1000 * product?.LagP99, LagMaxMs, "ms");
        Quantiles(report, "  send to acknowledgement", s => s.ToAck, product, floor);
        Quantiles(report, "  send to receipt", s => s.ToReceipt, product, floor);
        report.Plain("  broken promises", product?.Statistics.Violations, "", floor?.Statistics.Violations);
        report.Plain("  refused messages", product?.Statistics.Refusals, "", floor?.Statistics.Refusals);
    }

    private static void Sdk(Report report, SdkFigures sdk)
    {
        report.Plain($"memory of {sdk.Clients:#,0} live C# clients in one process, each", sdk.BytesEach / 1024, "KiB");
        report.Plain("  CPU of the process, idle", 100 * sdk.IdleCpu, "% of a core");
        report.Plain("  CPU a message that is sent and received", sdk.Microseconds, "us");
        report.Plain("  messages a second meanwhile", sdk.MessagesPerSecond, "/s");
        report.Plain("from the start of a process to a live client, p50", sdk.StartP50.TotalMilliseconds, "ms");
        report.Plain("  of it from Main on, p50", sdk.StartOwnP50.TotalMilliseconds, "ms");
    }

    private static void Media(Report report, MediaFigures media)
    {
        report.Plain($"a file of {media.Megabytes} MiB up in a form", media.Upload, "MiB/s");
        report.Plain("  up by the tus protocol", media.Resumable, "MiB/s");
        report.Plain("  down", media.Download, "MiB/s");
        report.AtMost(
            "  memory of the server, at its highest over at rest", media.Growth / 1024.0 / 1024, MediaMemoryMaxMiB,
            "MiB");
    }

    private static void Latency(Report report, LoadFigures latency, int rate)
    {
        report.Plain($"complete cycles at a fixed rate of {rate}/s", latency.CyclesPerSecond, "/s");
        foreach (var (name, histogram, most) in new[]
        {
            ("  send to acknowledgement", latency.Statistics.ToAck, AckMaxMs),
            ("  send to receipt", latency.Statistics.ToReceipt, ReceiptMaxMs),
        })
        {
            report.Plain(name + " p50", histogram.Quantile(0.50).TotalMilliseconds, "ms");
            report.Plain(name + " p95", histogram.Quantile(0.95).TotalMilliseconds, "ms");
            report.AtMost(name + " p99", histogram.Quantile(0.99).TotalMilliseconds, most, "ms");
        }

        report.Plain("  CPU, server and stores", latency.Cpu, "us/message");
        report.Plain("  machine used by others meanwhile", 100 * latency.OthersShare, "%");
        report.Plain("  broken promises", latency.Statistics.Violations, "");
        report.Plain("  refused messages", latency.Statistics.Refusals, "");
    }

    private static void FanOut(Report report, FanOutFigures fanOut, int rate)
    {
        report.Plain($"deliveries in a group of {fanOut.Members:#,0} online members", fanOut.DeliveriesPerSecond, "/s");
        foreach (var (label, share) in new[] { ("p50", 0.5), ("p99", 0.99) })
        {
            var (fromAck, fromSend) = (fanOut.Paced.AckToLast.Quantile(share), fanOut.Paced.ToLast.Quantile(share));
            report.Plain(
                $"  acknowledgement to the last member {label}, {fanOut.Rate} messages/s",
                fromAck.TotalMilliseconds, "ms");
            report.Plain($"  send to the last member {label}", fromSend.TotalMilliseconds, "ms");
        }

        foreach (var (name, of) in new (string, Func<LoadStatistics, LatencyHistogram>)[]
        {
            ("send to acknowledgement", s => s.ToAck), ("send to receipt", s => s.ToReceipt),
        })
        {
            report.Plain(
                $"  others' {name} p99 at {rate}/s without the group",
                of(fanOut.Calm).Quantile(0.99).TotalMilliseconds,
                "ms");
            report.Plain(
                $"  others' {name} p99 at {rate}/s beside it",
                of(fanOut.Meanwhile).Quantile(0.99).TotalMilliseconds,
                "ms");
        }
    }

    private static void Sweep(Report report, SweepFigures sweep, int rate)
    {
        report.Plain($"sweep of {sweep.Messages:#,0} due messages", sweep.Span.TotalSeconds, "s");
        report.Plain("  messages gone", sweep.Messages / Math.Max(0.001, sweep.Span.TotalSeconds), "/s");
        report.Plain("  from being due to the first one gone", sweep.Started.TotalSeconds, "s");
        report.Plain("  bytes that stay of a message", sweep.Staying, "B");
        report.Plain("  from the last one gone to the last narrow row", sweep.Moved.TotalSeconds, "s");
        report.Plain("  server's memory before", sweep.MemoryBefore / 1024.0 / 1024, "MiB");
        report.Plain("  server's memory at most", sweep.MemoryPeak / 1024.0 / 1024, "MiB");
        foreach (var (name, of) in new (string, Func<LoadStatistics, LatencyHistogram>)[]
        {
            ("send to acknowledgement", s => s.ToAck), ("send to receipt", s => s.ToReceipt),
        })
        {
            report.Plain($"  {name} p99 at {rate}/s before", of(sweep.Calm).Quantile(0.99).TotalMilliseconds, "ms");
            report.Plain($"  {name} p99 at {rate}/s meanwhile", of(sweep.Swept).Quantile(0.99).TotalMilliseconds, "ms");
        }
    }

    private static void Quantiles(
        Report report, string name, Func<LoadStatistics, LatencyHistogram> of, LoadFigures? product, LoadFigures? floor)
    {
        foreach (var (label, share) in new[] { ("p50", 0.5), ("p95", 0.95), ("p99", 0.99) })
        {
            double? At(LoadFigures? figures) => figures is null
                ? null
                : of(figures.Statistics).Quantile(share).TotalMilliseconds;
            report.Plain($"{name} {label}", At(product), "ms", At(floor));
        }
    }

    private static void Idle(Report report, IReadOnlyList<IdleFigure> product, IReadOnlyList<IdleFigure> floor)
    {
        foreach (var sockets in product.Concat(floor).Select(f => f.Sockets).Distinct())
        {
            var (name, ours, bare) = (
                $"memory of {sockets:#,0} idle sockets, each", Of(product, sockets), Of(floor, sockets));
            if (sockets == IdleTargetSockets)
            {
                report.AtMost(name, ours, IdleMaxKiB, "KiB", bare);
            }
            else
            {
                report.Plain(name, ours, "KiB", bare);
            }
        }
    }

    private static double? Of(IReadOnlyList<IdleFigure> figures, int sockets) =>
        figures.FirstOrDefault(f => f.Sockets == sockets)?.BytesEach / 1024;
}
