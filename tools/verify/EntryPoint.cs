namespace ChatCqrs.Verify;

internal static class EntryPoint
{
    public static Task<int> Main(string[] args) =>
        Commands.RunAsync(args, Console.Out, Console.Error, new HttpClientHandler());
}
