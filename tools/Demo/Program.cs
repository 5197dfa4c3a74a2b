using System.Runtime.InteropServices;
using ChatCqrs.Demo;
using ChatCqrs.Demo.Scenes;

// Plays a conversation with two clients that know only the wire contract, and one scene with the C# SDK.
// Exits with 0 only if every step was seen.
// usage: ChatCqrs.Demo URL [COMMAND that restarts the product [ITS ARGUMENTS]]
if (args.Length < 1 || !Uri.TryCreate(args[0], UriKind.Absolute, out var address))
{
    await Console.Error.WriteLineAsync(
        "usage: ChatCqrs.Demo URL [COMMAND that restarts the product [ITS ARGUMENTS]]. ./demo calls it.");
    return 2;
}

Console.OutputEncoding = System.Text.Encoding.UTF8;
using var interrupted = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

await using var stage = new Stage(address, args[1..], interrupted.Token);
IScene[] scenes =
[
    new Registration(), new WritingToSomeoneOffline(), new ComingOnline(), new Answering(), new Retrying(),
    new InAGroup(), new WithTheSdk(), new Restarting(), new LookingBack(),
];
try
{
    foreach (var scene in scenes)
    {
        stage.Narrator.Title(scene.Title);
        await scene.PlayAsync(stage);
    }

    stage.Narrator.End(
        $"All of it was seen: {stage.Narrator.Seen} things in {scenes.Length} scenes, "
        + $"{stage.Narrator.Elapsed.TotalSeconds:0.0} s.");
    return 0;
}
catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
{
    stage.Narrator.End("Interrupted.");
    return 130;
}
catch (NotSeenException exception)
{
    stage.Narrator.Failure(exception.Message);
    return 1;
}
catch (Exception exception)
    when (exception is HttpRequestException or System.Net.WebSockets.WebSocketException or IOException)
{
    stage.Narrator.Failure($"{address} could not be talked to: {exception.Message}");
    return 1;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    interrupted.Cancel();
}
