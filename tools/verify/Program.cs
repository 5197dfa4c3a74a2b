using ChatCqrs.Verify;

return await Commands.RunAsync(args, Console.Out, Console.Error, new HttpClientHandler());
