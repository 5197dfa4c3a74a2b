using System.Globalization;

namespace ChatCqrs.Application.Specs.Writing.Exploration;

/// <summary>
/// Two nodes write to one log under many schedules: calls are answered in any order, fail before or after their effect,
/// and announcements are lost, late and doubled. One in four messages must be looked up, and some come in bursts. A
/// failure names its seed, which replays it.
/// </summary>
public sealed class InterleavingSpecs
{
    /// <summary>Names one seed to explore.</summary>
    private const string SeedVariable = "CHATCQRS_SEED";

    /// <summary>Names how many schedules are explored.</summary>
    private const string SeedsVariable = "CHATCQRS_SEEDS";

    [Theory]
    [InlineData(0.0, 20_000)]
    [InlineData(0.1, 20_000)]
    [InlineData(0.1, 1)]
    public void Whatever_the_schedule_the_promises_hold(double failureRate, int conversationsInMemory)
    {
        foreach (var seed in Seeds())
        {
            try
            {
                var simulation = new Simulation(seed) { FailureRate = failureRate };
                simulation.Run(() =>
                {
                    var scene = new Scene(simulation, conversationsInMemory);
                    scene.Play();
                    new Promises(scene).Check();
                });
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"{SeedVariable}={seed} shows it: {failure.Message}", failure);
            }
        }
    }

    private static IEnumerable<int> Seeds() => Number(SeedVariable) is { } seed
        ? [seed]
        : Enumerable.Range(0, Number(SeedsVariable) ?? 150);

    private static int? Number(string variable) => Environment.GetEnvironmentVariable(variable) is { } value
        ? int.Parse(value, CultureInfo.InvariantCulture)
        : null;
}
