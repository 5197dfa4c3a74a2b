using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using ChatCqrs.Chatctl;
using ChatCqrs.Client;

// The command line of auditors. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the server does not answer.
Console.OutputEncoding = System.Text.Encoding.UTF8;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
using var interrupted = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
{
    signal.Cancel = true;
    interrupted.Cancel();
});

try
{
    return await Commands.RunAsync(args, interrupted.Token);
}
catch (UsageException wrong)
{
    await Console.Error.WriteLineAsync(
        wrong.Message.Length == 0 ? Commands.Usage : $"{wrong.Message}\n\n{Commands.Usage}");
    return 2;
}
catch (ChatException refused) when (refused.Status == 0)
{
    await Console.Error.WriteLineAsync(refused.Message);
    return refused.Code == ErrorCode.SignedOut ? 1 : 3;
}
catch (ChatException refused)
{
    var role = refused.Status == (int)HttpStatusCode.Forbidden ? " Does this account have the role that it needs?" : "";
    await Console.Error.WriteLineAsync($"Refused: {refused.Message}{role}");
    foreach (var (field, said) in refused.Errors)
        await Console.Error.WriteLineAsync($"  {field}: {string.Join(' ', said)}");
    return 1;
}
catch (Exception failed) when (failed is HttpRequestException or IOException)
{
    await Console.Error.WriteLineAsync(failed.Message);
    return 3;
}
catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
{
    await Console.Error.WriteLineAsync("Interrupted.");
    return 130;
}
